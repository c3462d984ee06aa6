import assert from "node:assert/strict";
import { once } from "node:events";
import { fstatSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { describe, test } from "node:test";
import { PeerWatch, type Peer } from "../../src/rpc/peer-watch.js";
import { readUnacknowledged } from "../../src/rpc/unacknowledged.js";
import { turn } from "../client/held-connection.js";
import { ManualClock } from "../client/manual-clock.js";

const lookMs = 2_000;
/** Looks after which whoever says nothing has gone. */
const silentLooks = 16;
const inode = 7;
const mibBytes = 1024 * 1024;

class FakePeer implements Peer {
  readonly inode = inode;
  bytesRead = 0;
  bytesHanded = 0;
  cutOffs = 0;

  cutOff(): void {
    this.cutOffs++;
  }
}

describe("the watch over the other ends of connections", () => {
  test("cuts off one of which nothing came for half a minute, and has no timer once nobody is left", async () => {
    const { peer, watch, clock, looks } = fixture();
    assert.equal(await looks(20), silentLooks);
    watch.remove(peer);
    assert.equal(clock.pendingTimers, 0);
  });

  test("leaves alone whoever says something now and then", async () => {
    const { peer, looks } = fixture();
    for (let i = 0; i < 10; i++) {
      assert.equal(await looks(silentLooks - 1), undefined);
      peer.bytesRead += 17;
    }
    assert.equal(await looks(1 + silentLooks), 1 + silentLooks);
  });

  test("leaves alone one that acknowledges what was sent, however slowly, and notices when it does no more", async () => {
    const { peer, unacknowledged, looks } = fixture();
    peer.bytesHanded = 4 * mibBytes;
    let waitingBytes = peer.bytesHanded;
    assert.equal(await looks(200, () => unacknowledged.set(inode, (waitingBytes -= 1_000))), undefined);
    // 200 kB were acknowledged: a proxy may have them, and has 3 looks more for them, which are over.
    assert.equal(await looks(10), 5);
  });

  test("is not misled by what the system took for one that has gone", async () => {
    const { peer, unacknowledged, looks } = fixture();
    const sendMore = (): void => {
      peer.bytesHanded += 100_000;
      unacknowledged.set(inode, peer.bytesHanded);
    };
    assert.equal(await looks(20, sendMore), silentLooks);
  });

  test("gives a proxy, or a system that does not tell, time for what it took since something came last", async () => {
    const { peer, looks } = fixture();
    peer.bytesHanded = 2 * mibBytes;
    assert.equal(await looks(100), silentLooks + 32);
    const answered = fixture();
    answered.peer.bytesHanded = 2 * mibBytes;
    answered.peer.bytesRead = 13;
    assert.equal(await answered.looks(100), 1 + silentLooks);
  });

  test("leaves alone whoever says something, or has ended, while the system tells what left", async () => {
    const { peer, watch, clock, looks, answers } = fixture({ isSlow: true });
    assert.equal(await looks(30), undefined);
    assert.equal(answers.length, 1);
    for (let look = 0; look < 5; look++) {
      answers.shift()?.();
      await looks(1);
    }
    peer.bytesRead = 1;
    answers.shift()?.();
    await turn();
    assert.equal(peer.cutOffs, 0);
    clock.advance(silentLooks * lookMs);
    watch.remove(peer);
    answers.shift()?.();
    await turn();
    assert.equal(peer.cutOffs, 0);
  });
});

describe("what the system says of a connection", { skip: process.platform !== "linux" }, () => {
  test("tells what the other end has not acknowledged", async (context) => {
    const { server, near, far } = await connected();
    context.after(() => {
      near.destroy();
      far.destroy();
      server.close();
    });
    const { ino } = fstatSync((near as unknown as { readonly _handle: { readonly fd: number } })._handle.fd);
    assert.equal((await readUnacknowledged()).get(ino), 0);
    // More than the other end's system takes while nobody reads.
    near.write(Buffer.alloc(128 * mibBytes));
    while ((await readUnacknowledged()).get(ino) === 0);
    far.resume();
    while (((await readUnacknowledged()).get(ino) ?? 0) > 0 || far.bytesRead < 128 * mibBytes);
  });
});

/** A peer under watch, and what the system says of it; `isSlow`: not before the test lets it answer. */
function fixture({ isSlow = false } = {}) {
  const clock = new ManualClock();
  const peer = new FakePeer();
  const unacknowledged = new Map<number, number>();
  const answers: (() => void)[] = [];
  const watch = new PeerWatch(clock, async () => {
    if (isSlow) await new Promise<void>((resolve) => answers.push(resolve));
    return unacknowledged;
  });
  watch.add(peer);
  /** Lets so many looks happen, with `before` ahead of each. At which of them the peer was cut off. */
  const looks = async (most: number, before: () => unknown = () => undefined): Promise<number | undefined> => {
    for (let look = 1; look <= most; look++) {
      before();
      clock.advance(lookMs);
      await turn();
      if (peer.cutOffs > 0) return look;
    }
    return undefined;
  };
  return { clock, peer, watch, unacknowledged, answers, looks };
}

async function connected(): Promise<{ readonly server: Server; readonly near: Socket; readonly far: Socket }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [Socket];
  return { server, near, far };
}
