import { describe, expect, it } from "vitest";
import * as errno from "../../lib/mm/errno.js";

const { errnoName, ...numbers } = errno;

describe("errnoName", () => {
  it("names each number as it is exported, as a kernel function returns it or as a program sees it", () => {
    for (const [name, value] of Object.entries(numbers))
      expect([errnoName(value), errnoName(-value)]).toEqual([name, name]);
  });

  it("gives a number that it does not know as a number", () => {
    expect([errnoName(-200), errnoName(0)]).toEqual(["E200", "E0"]);
  });

  it("has the numbers of x86-64, no two alike", () => {
    const { EPERM, ENOMEM, EFAULT, EINVAL, ENOSYS, EOVERFLOW, EOPNOTSUPP, EHWPOISON } = errno;
    const known = [EPERM, ENOMEM, EFAULT, EINVAL, ENOSYS, EOVERFLOW, EOPNOTSUPP, EHWPOISON];
    expect(known).toEqual([1, 12, 14, 22, 38, 75, 95, 133]);
    expect(new Set(Object.values(numbers)).size).toBe(Object.keys(numbers).length);
  });
});
