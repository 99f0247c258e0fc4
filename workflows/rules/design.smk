rule design:
    input:
        flow.inputs("design"),
    output:
        flow.output("design"),
    params:
        settings=flow.settings("design"),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../environment.yml"
    shell:
        flow.command("design")
