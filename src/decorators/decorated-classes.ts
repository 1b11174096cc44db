/** Every class of this process that has a decorator of this package, whether or not an app provides it; held weakly. */
const remembered = new Set<WeakRef<Function>>();

export function rememberClass(target: object): void {
  remembered.add(new WeakRef(typeof target === 'function' ? target : target.constructor));
}

export function decoratedClasses(): Function[] {
  const classes: Function[] = [];
  for (const reference of remembered) {
    const classRef = reference.deref();
    if (classRef === undefined) remembered.delete(reference);
    else classes.push(classRef);
  }
  return classes;
}
