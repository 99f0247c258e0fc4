rule deconfound:
    input:
        flow.inputs("deconfound"),
    output:
        flow.output("deconfound"),
    params:
        settings=flow.settings("deconfound"),
    threads: 1
    resources:
        mem_mb=3000,
    conda:
        "../../environment.yml"
    shell:
        flow.command("deconfound")
