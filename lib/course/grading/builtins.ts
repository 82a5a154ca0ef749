/**
 * Remembers the built-in functions of JavaScript and tells which were exchanged since.
 * A submission that replaces `Object.is` would make any comparison succeed.
 */

type Remembered = { name: string; holder: object; key: PropertyKey; value: unknown }[];

const HOLDERS: Record<string, object> = {
  Object,
  Array,
  Number,
  String,
  Boolean,
  BigInt,
  Symbol,
  Math,
  JSON,
  Reflect,
  Promise,
  Map,
  Set,
  Error,
  Date,
  RegExp,
  Function,
  Proxy,
};

/** Every function of the common built-ins and their prototypes. Not in Linux: a helper of the course. */
export function rememberBuiltIns(): Remembered {
  const remembered: Remembered = [];
  const add = (name: string, holder: object) => {
    for (const key of Reflect.ownKeys(holder)) {
      const descriptor = Object.getOwnPropertyDescriptor(holder, key)!;
      const value = typeof descriptor.value === "function" ? descriptor.value : descriptor.get;
      if (value && key !== "prepareStackTrace")
        remembered.push({ name: `${name}.${String(key)}`, holder, key, value });
    }
  };
  for (const [name, holder] of Object.entries(HOLDERS)) {
    add(name, holder);
    const { prototype } = holder as { prototype?: object };
    if (prototype) add(`${name}.prototype`, prototype);
  }
  add("Uint8Array.prototype", Object.getPrototypeOf(Uint8Array.prototype) as object);
  for (const name of Object.keys(HOLDERS))
    remembered.push({ name, holder: globalThis, key: name, value: HOLDERS[name] });
  return remembered;
}

const { getOwnPropertyDescriptor } = Object;

/** The names of those that are not what they were. Not in Linux: a helper of the course. */
export function changedBuiltIns(remembered: Remembered): string[] {
  const changed: string[] = [];
  for (let at = 0; at < remembered.length; at++) {
    const { name, holder, key, value } = remembered[at]!;
    const descriptor = getOwnPropertyDescriptor(holder, key);
    if (descriptor?.value !== value && descriptor?.get !== value) changed[changed.length] = name;
  }
  return changed;
}
