rule report:
    input:
        flow.report_inputs(),
    output:
        flow.report(),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "neurodecode"
    shell:
        flow.report_command()
