import type { Progress } from '../watcher.ts'

/**
 * Shows the progress that `qemu-img -p` prints.
 *
 * @param title of the task, for people.
 * @param total bytes that correspond to 100 %.
 * @returns functions to call with the output of qemu-img, and at the end.
 */
export function qemuProgress(
  progress: Progress,
  title: string,
  total: number,
): { onOutput: (text: string) => void; end: () => void } {
  const bytes = Math.max(total, 1)
  const task = progress.begin(title, bytes)
  let done = 0
  return {
    onOutput(text) {
      const percent = [...text.matchAll(/\(([0-9.]+)\/100%\)/g)].at(-1)?.[1]
      if (percent === undefined) return
      const now = Math.floor((Number(percent) / 100) * bytes)
      task.advance(now - done)
      done = now
    },
    end: () => task.end(),
  }
}
