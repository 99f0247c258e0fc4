rule report:
    input:
        flow.report_inputs(),
    output:
        flow.report(),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../environment.yml"
    shell:
        flow.report_command()
