# The pipeline: each rule is one row of neurodecode/pipeline.py and calls the command line.
from neurodecode.workflow import count_every_job, open_run


configfile: "config/config.yaml"


count_every_job()
files = [*workflow.configfiles, *workflow.overwrite_configfiles]
flow = open_run(config, files, main=workflow.is_main_process)


wildcard_constraints:
    study="[a-z0-9][a-z0-9_-]*",
    subject="[A-Za-z0-9]+",
    target="[a-z0-9_]+",
    responses="[a-z0-9_]+",
    chain="[a-z0-9_]+-[a-z0-9_]+",
    deconfounder="[a-z0-9_]+",
    encoder="[a-z0-9_]+",
    searchlight="[a-z0-9_]+",
    system="[a-z0-9_]+-[a-z0-9_]+-[a-z0-9_]+",
    source="decoded|true|permuted|mean",


localrules:
    all,


rule all:
    input:
        flow.report(),


include: "workflows/rules/targets.smk"
include: "workflows/rules/preprocess.smk"
include: "workflows/rules/design.smk"
include: "workflows/rules/deconfound.smk"
include: "workflows/rules/embed.smk"
include: "workflows/rules/encode.smk"
include: "workflows/rules/searchlight.smk"
include: "workflows/rules/reconstruct.smk"
include: "workflows/rules/evaluate.smk"
include: "workflows/rules/online.smk"
include: "workflows/rules/specify.smk"
include: "workflows/rules/report.smk"
