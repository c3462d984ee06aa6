const longTimeMs = 2 ** 30;

/**
 * Keeps the process alive while somebody awaits what only a timer will bring about: timers of the Clock do not, and a
 * program must not end silently in the middle of an `await` because its server is away.
 */
export class KeepAlive {
  #timer: NodeJS.Timeout | undefined;

  hold(): void {
    this.#timer ??= setInterval(() => undefined, longTimeMs);
  }

  release(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
