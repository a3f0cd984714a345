/** The reason why a question about a guest cannot be answered. A check that throws it reports `unknown`. */
export class Undecided extends Error {
  override name = 'Undecided'
}
