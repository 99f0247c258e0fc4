rule targets:
    input:
        flow.inputs("targets"),
    output:
        flow.output("targets"),
    params:
        settings=flow.settings("targets"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../environment.yml"
    shell:
        flow.command("targets")
