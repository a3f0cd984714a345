/** Why a file may not be registered; `why` goes on after the file's name. */
export interface Refusal {
  why: string
  hint?: string
}
