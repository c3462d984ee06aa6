import { runWorkloads, type Cell, type RunWorkload } from "../driver/measure.js";
import type { SubjectName } from "../driver/results.js";
import { subjectKinds } from "./subjects.js";

/** A load and who is measured under it, in turns. */
export interface PlannedCell extends Cell {
  readonly subjects: readonly SubjectName[];
}

/** What the command line asks for; what it leaves open is as in the default plan. */
export interface PlanChoice {
  readonly all: boolean;
  readonly workloads: readonly RunWorkload[] | undefined;
  readonly callers: readonly number[] | undefined;
  readonly valueBytes: readonly number[] | undefined;
  readonly distributions: readonly Cell["distribution"][] | undefined;
  readonly subjects: readonly SubjectName[] | undefined;
}

const sweep = [1, 16, 64, 256, 1024];
const sizes = [100, 1024];
const distributions = ["zipfian", "uniform"] as const;
const ycsb: readonly RunWorkload[] = ["ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-f"];
const pair: readonly SubjectName[] = ["bigmap", "redis-always"];
const floors: readonly SubjectName[] = ["echo-floor", "raw-rocksdb"];
const everyone = subjectKinds.map(({ name }) => name);

/** Cells in an order in which those that only read come before those that write much. */
export function planCells(choice: PlanChoice): PlannedCell[] {
  const isOpen = [choice.workloads, choice.callers, choice.valueBytes, choice.distributions].every((dimension) => dimension === undefined);
  const cells = choice.all || !isOpen ? crossProduct(choice) : defaultCells();
  return cells.map((cell) => withSubjects(cell, choice.subjects)).filter(({ subjects }) => subjects.length > 0);
}

function withSubjects(cell: PlannedCell, chosen: readonly SubjectName[] | undefined): PlannedCell {
  const subjects = subjectKinds
    .filter(({ name, supports }) => cell.subjects.includes(name) && (chosen?.includes(name) ?? true) && supports(cell.workload))
    .map(({ name }) => name);
  return { ...cell, subjects };
}

/** What the targets name, gets and puts from 1 to 1,024 callers, the mixes at both sizes. Slow subjects only where a target names them. */
function defaultCells(): PlannedCell[] {
  const small = { valueBytes: 100 } as const;
  const large = { valueBytes: 1024 } as const;
  const swept = (["get", "put"] as const).flatMap((workload) =>
    distributions.flatMap((distribution) =>
      sweep.map((callers): PlannedCell => {
        const subjects = subjectsOfSweep(distribution, callers);
        return { ...small, workload, distribution, callers, subjects };
      }),
    ),
  );
  const batches = (["batch-get-100", "batch-put-100", "scan"] as const).map((workload): PlannedCell => {
    return { ...small, workload, distribution: "zipfian", callers: 16, subjects: [...pair, "raw-rocksdb"] };
  });
  const mixed = (size: { readonly valueBytes: number }): PlannedCell[] =>
    ycsb.map((workload) => ({ ...size, workload, distribution: "zipfian", callers: 256, subjects: [...pair, "redis-everysec"] }));
  const plainLarge = (["get", "put"] as const).map((workload): PlannedCell => {
    return { ...large, workload, distribution: "zipfian", callers: 256, subjects: [...pair, ...floors] };
  });
  const deletes: PlannedCell = {
    ...small,
    workload: "delete",
    distribution: "uniform",
    callers: 256,
    subjects: [...pair, "redis-everysec"],
  };
  return [...swept, ...batches, ...mixed(small), deletes, ...plainLarge, ...mixed(large)];
}

function subjectsOfSweep(distribution: Cell["distribution"], callers: number): readonly SubjectName[] {
  if (callers === 256) return distribution === "zipfian" ? everyone : [...pair, ...floors];
  return distribution === "zipfian" ? [...pair, ...floors] : pair;
}

/** All combinations of the dimensions that were chosen; one that was left open has the value of most targets, with `all` every value. */
function crossProduct(choice: PlanChoice): PlannedCell[] {
  const { all } = choice;
  const workloads = choice.workloads ?? (all ? runWorkloads : (["get", "put"] as const));
  const callerCounts = choice.callers ?? (all ? sweep : [256]);
  const chosenSizes = choice.valueBytes ?? (all ? sizes : [100]);
  const chosenDistributions = choice.distributions ?? (all ? distributions : (["zipfian"] as const));
  return chosenSizes.flatMap((valueBytes) =>
    workloads.flatMap((workload) =>
      distributionsOf(workload, chosenDistributions).flatMap((distribution) =>
        callerCounts.map((callers) => ({ valueBytes, workload, distribution, callers, subjects: everyone })),
      ),
    ),
  );
}

/** Some workloads choose in one way only. */
function distributionsOf(workload: RunWorkload, chosen: readonly Cell["distribution"][]): readonly Cell["distribution"][] {
  return ["delete", "scan", "ycsb-d"].includes(workload) ? chosen.slice(0, 1) : chosen;
}
