rule online:
    input:
        flow.inputs("online"),
    output:
        flow.output("online"),
    params:
        settings=flow.settings("online"),
    threads: 1
    resources:
        mem_mb=2500,
    conda:
        "../../environment.yml"
    shell:
        flow.command("online")
