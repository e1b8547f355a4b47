"""
One single-stream student per arm, trained on labels and the stored fused knowledge (Eq. 1, 3, 10).

INPUT:   frames of the student's own modality, .../fusions/{fusion}/logits/train.parquet
OUTPUT:  .../students/{student}/checkpoint.safetensors, history.csv
         results/{dataset}/cost.csv                            (cost of a step with K teachers)
"""

STUDENT_KEYS = ("alpha", "kl_reduction", "unlabelled")
COST_STUDENT = config["students"][config["cost"]["student"]]


rule distill_student:
    input:
        frames=trained_frames,
        subsets="results/{dataset}/split{split}/subsets.parquet",
        target=student_target,
        weights=trained_weights,
        unlabelled=if_unlabelled(admitted_clips),
        unlabelled_frames=if_unlabelled(unlabelled_frames),
        unlabelled_target=if_unlabelled(unlabelled_target),
    output:
        checkpoint="results/{dataset}/split{split}/seed{seed}/students/{student}/checkpoint.safetensors",
        history="results/{dataset}/split{split}/seed{seed}/students/{student}/history.csv",
    log:
        "logs/distill_student/{dataset}_split{split}_seed{seed}_{student}.log",
    benchmark:
        "results/benchmarks/distill_student/{dataset}_split{split}_seed{seed}_{student}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: training_threads
    resources:
        gpu=training_gpus,
        together=SHARES,
        cpus_per_task=training_cores,
        nodes=1,
        processes=training_processes,
        workers=trained_workers,
        cache=trained_cache,
        mem_mb=growing(training_memory),
        runtime=growing(720),
    params:
        name="students.{student}",
        network=trained_network,
        source=trained_source,
        weights=weights_setting,
        weights_file=own_weights,
        modality=trained_modality,
        frames=trained_chain,
        recipe=trained_recipe,
        student=lambda wildcards: {key: trained(wildcards)[key] for key in STUDENT_KEYS},
        fusion=lambda wildcards: config["fusions"][trained(wildcards)["fusion"]],
        classes=classes_of,
        videos=[("subset", "==", "train")],
        seed=lambda wildcards: int(wildcards.seed),
        device=config["run"]["device"],
        state="results/{dataset}/split{split}/seed{seed}/students/{student}/resume.pt",
        code=network_code("distill_student"),
    script:
        "../workflow_scripts/distill_student.py"


rule measure_cost:
    output:
        "results/{dataset}/cost.csv",
    log:
        "logs/measure_cost/{dataset}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        gpu=whole_gpu,
        mem_mb=growing(16000),
        runtime=growing(60, at_most=4),
    params:
        network=config["networks"][COST_STUDENT["network"]],
        modality=input_of(COST_STUDENT),
        recipe=recipe_named(COST_STUDENT["recipe"]),
        classes=classes_of,
        cases=[
            *(("stored", count) for count in config["cost"]["teachers"]),
            *(("online", count) for count in config["cost"]["in_memory"]),
        ],
        steps=config["cost"]["steps"],
        device=config["run"]["device"],
        code=code("measure_cost", family_of(config["networks"][COST_STUDENT["network"]]["arch"])),
    script:
        "../workflow_scripts/measure_cost.py"
