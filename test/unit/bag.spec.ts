import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Bag, type Baggable } from '../../src/core/bag.js';

class Thing implements Baggable {
  slot = -1;
}

describe('Bag', () => {
  it('holds what a Set would hold, whatever comes and goes', () => {
    const commands = fc.array(fc.record({ add: fc.boolean(), which: fc.nat(9) }), { maxLength: 60, size: 'max' });
    fc.assert(
      fc.property(commands, (steps) => {
        const things = Array.from({ length: 10 }, () => new Thing());
        const bag = new Bag<Thing>();
        const set = new Set<Thing>();
        for (const { add, which } of steps) {
          const thing = things[which];
          if (!add) expect(bag.delete(thing)).toBe(set.delete(thing));
          else if (!set.has(thing)) {
            set.add(thing);
            bag.add(thing);
          }
          expect(bag.size).toBe(set.size);
          expect(new Set(bag)).toEqual(set);
        }
      }),
    );
  });

  it('can be changed while it is looked through', () => {
    const bag = new Bag<Thing>();
    const things = Array.from({ length: 5 }, () => new Thing());
    for (const thing of things) bag.add(thing);
    const seen: Thing[] = [];
    for (const thing of bag) {
      seen.push(thing);
      bag.delete(thing);
      bag.add(new Thing());
    }
    expect(seen).toEqual(things);
    expect(bag.size).toBe(5);
  });
});
