rule report:
    input:
        flow.report_inputs(),
    output:
        flow.report(),
    params:
        settings=flow.page_settings(),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../environment.yml"
    shell:
        flow.page_command("report")


# Draws the curves into the report, which must be there and is then no older for it.
rule multiverse:
    input:
        flow.multiverse_inputs(),
        page=ancient(flow.report()),
    output:
        flow.multiverse(),
    threads: 1
    resources:
        mem_mb=2000,
    conda:
        "../../environment.yml"
    shell:
        flow.page_command("multiverse")
