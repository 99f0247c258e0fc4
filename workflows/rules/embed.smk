rule embed:
    input:
        flow.inputs("embed"),
    output:
        flow.output("embed"),
    params:
        settings=flow.settings("embed"),
    threads: 1
    resources:
        mem_mb=3000,
    conda:
        "../../environment.yml"
    shell:
        flow.command("embed")
