rule preprocess:
    input:
        flow.inputs("preprocess"),
    output:
        flow.output("preprocess"),
    params:
        settings=flow.settings("preprocess"),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../environment.yml"
    shell:
        flow.command("preprocess")
