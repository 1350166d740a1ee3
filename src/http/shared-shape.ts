/** The first V8, that of Node 24, that lets objects with a prototype of their own share their shapes. */
const SHARING = 13;

const isNeeded = Number.parseInt(process.versions.v8, 10) < SHARING;

/**
 * Lets a request or response that Express has extended share its shape (its hidden class) with others of its kind.
 *
 * In Node 20 and 22 each that was given another prototype has a shape of its own. To add a member to such an object takes some
 * five microseconds, of which a request has dozens, and whoever reads one has never seen its shape before. An object from
 * which a member was taken is kept as a table, and tables share their shape. Its members stay what they were.
 *
 * @param name A member that Node always makes, and not as the last. If it is not the object's own, nothing is done.
 */
export function shareShape<T extends object>(object: T, name: keyof T): void {
  if (!isNeeded || !Object.isExtensible(object)) return;
  const member = Object.getOwnPropertyDescriptor(object, name);
  if (member?.configurable !== true) return;
  Reflect.deleteProperty(object, name);
  Object.defineProperty(object, name, member);
}
