/** `NoInfer` of TypeScript 5.4, for those who compile with an older one: this argument does not decide what T is. */
export type Uninferred<T> = [T][T extends unknown ? 0 : never];
