rule reconstruct:
    input:
        flow.inputs("reconstruct"),
    output:
        flow.output("reconstruct"),
    params:
        settings=flow.settings("reconstruct"),
    threads: 1
    resources:
        mem_mb=2500,
    conda:
        "../../environment.yml"
    shell:
        flow.command("reconstruct")
