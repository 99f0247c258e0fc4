# The pipeline: each rule is one row of neurodecode/pipeline.py and calls the command line.
from neurodecode.workflow import Workflow, count_every_job


configfile: "config/config.yaml"


count_every_job()
flow = Workflow(config, workflow.configfiles)
if workflow.is_main_process:  # not in the jobs that a cluster starts
    flow.go_on()


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
