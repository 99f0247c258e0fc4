rule evaluate:
    input:
        flow.inputs("evaluate"),
    output:
        flow.output("evaluate"),
    params:
        settings=flow.settings("evaluate"),
    threads: 1
    resources:
        mem_mb=2500,
    conda:
        "../../environment.yml"
    shell:
        flow.command("evaluate")
