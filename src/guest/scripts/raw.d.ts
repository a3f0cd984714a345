/** The text of a file, which is part of the bundle. */
declare module '*?raw' {
  const text: string
  export default text
}
