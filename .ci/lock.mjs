// One at a time: a lock file that holds the owner's process id, so that a killed owner does not block the next one.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

const pollMs = 200;

/** Runs `work` while this process alone holds the lock. */
export async function withLock(path, work) {
  let announced = false;
  while (!take(path)) {
    if (!announced) process.stderr.write("bigmap setup: waiting for another setup of this folder ...\n");
    announced = true;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const release = () => rmSync(path, { force: true });
  const onSignal = (signal) => {
    release();
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  try {
    return await work();
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    release();
  }
}

// The lock appears with its owner inside, in one step: a link to a file that is already written.
function take(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    removeIfStale(path);
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

function removeIfStale(path) {
  const owner = readOwner(path);
  if (owner === undefined || isAlive(owner)) return;
  // Renaming first: of several that see the stale lock, one gets it. Whoever took a fresh one by mistake puts it back.
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    if (readOwner(aside) !== owner) linkSync(aside, path);
  } catch (error) {
    if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

function readOwner(path) {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
