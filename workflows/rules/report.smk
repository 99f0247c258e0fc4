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
        flow.page_command("report")


rule multiverse:
    input:
        flow.multiverse_inputs(),
    output:
        flow.multiverse(),
    threads: 1
    resources:
        mem_mb=1000,
    conda:
        "../../environment.yml"
    shell:
        flow.page_command("multiverse")
