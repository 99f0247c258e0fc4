rule encode:
    input:
        flow.inputs("encode"),
    output:
        flow.output("encode"),
    params:
        settings=flow.settings("encode"),
    threads: 1
    resources:
        mem_mb=3000,
    conda:
        "../../environment.yml"
    shell:
        flow.command("encode")
