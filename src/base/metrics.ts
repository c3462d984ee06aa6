/** A number that only grows. */
export interface Counter {
  add(amount: number): void;
}

/** A distribution, for example of durations. */
export interface Histogram {
  observe(value: number): void;
}

/** The port for figures about the running program. The composition root hands in prom-client. */
export interface Metrics {
  counter(name: string, help: string): Counter;
  /** `buckets` are upper bounds, in the unit that ends the name. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram;
  /** `read` is called when the figures are collected. */
  gauge(name: string, help: string, read: () => number): void;
}

export const noMetrics: Metrics = {
  counter: () => ({ add: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
  gauge: () => undefined,
};
