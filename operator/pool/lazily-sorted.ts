// Sorting for those who want the first few of very many: a binary heap, which is put in order only as far as somebody asks.
// Used by victims.ts.

/** The items from the least to the greatest. Taking k of n costs about n + k log n comparisons. */
export function* lazilySorted<T>(items: readonly T[], compare: (a: T, b: T) => number): Generator<T, void> {
  const heap = [...items]
  for (let index = (heap.length >> 1) - 1; index >= 0; index -= 1) sink(heap, index, compare)
  for (let last = heap.pop(); last !== undefined; last = heap.pop()) {
    const least = heap[0]
    if (least === undefined) return yield last
    heap[0] = last
    sink(heap, 0, compare)
    yield least
  }
}

/** Moves the item at `index` down until none below it is less. */
function sink<T>(heap: T[], index: number, compare: (a: T, b: T) => number): void {
  const item = heap[index] as T
  for (;;) {
    let child = 2 * index + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && compare(heap[child + 1] as T, heap[child] as T) < 0) child += 1
    if (compare(item, heap[child] as T) <= 0) break
    heap[index] = heap[child] as T
    index = child
  }
  heap[index] = item
}
