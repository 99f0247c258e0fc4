rule specify:
    input:
        flow.inputs("specify"),
    output:
        flow.output("specify"),
    params:
        settings=flow.settings("specify"),
    threads: 1
    resources:
        mem_mb=2500,
    conda:
        "../../environment.yml"
    shell:
        flow.command("specify")
