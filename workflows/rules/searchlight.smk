rule searchlight:
    input:
        flow.inputs("searchlight"),
    output:
        flow.output("searchlight"),
    params:
        settings=flow.settings("searchlight"),
    threads: 1
    resources:
        mem_mb=3000,
    conda:
        "../../environment.yml"
    shell:
        flow.command("searchlight")
