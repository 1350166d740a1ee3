import { expect } from 'chai';
import fc from 'fast-check';
import { dateRange } from '../../../src/access/constraint/date-range.js';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** A Date keeps years below 100 apart only this way. */
function utc(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day);
}

const pad = (number: number, length = 2): string => String(number).padStart(length, '0');

const days = fc
  .record({
    year: fc.integer({ min: 1, max: 9999 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 31 }),
  })
  .map(({ year, month, day }) => ({ year, month, day: Math.min(day, new Date(utc(year, month + 1, 0)).getUTCDate()) }));

const times = fc.record({
  hour: fc.integer({ min: 0, max: 23 }),
  minute: fc.integer({ min: 0, max: 59 }),
  second: fc.integer({ min: 0, max: 59 }),
  millisecond: fc.integer({ min: 0, max: 999 }),
  offset: fc.integer({ min: -14 * 60, max: 14 * 60 }),
});

function printOffset(offset: number): string {
  const minutes = Math.abs(offset);
  return `${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
}

describe('dateRange', () => {
  it('covers the whole of a year, a month and a day, in step with the platform calendar', () => {
    fc.assert(
      fc.property(days, ({ year, month, day }) => {
        const y = pad(year, 4);
        expect(dateRange(y)).to.deep.equal({ start: utc(year, 1, 1), end: utc(year + 1, 1, 1) });
        expect(dateRange(`${y}-${pad(month)}`)).to.deep.equal({
          start: utc(year, month, 1),
          end: utc(year, month + 1, 1),
        });
        const midnight = utc(year, month, day);
        expect(dateRange(`${y}-${pad(month)}-${pad(day)}`)).to.deep.equal({ start: midnight, end: midnight + DAY });
      }),
      { numRuns: 2000 },
    );
  });

  it('covers a minute, a second or a millisecond, at any offset', () => {
    fc.assert(
      fc.property(days, times, ({ year, month, day }, { hour, minute, second, millisecond, offset }) => {
        const date = `${pad(year, 4)}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}`;
        const zone = printOffset(offset);
        const atMinute = utc(year, month, day) + (hour * 60 + minute - offset) * MINUTE;
        expect(dateRange(`${date}${zone}`)).to.deep.equal({ start: atMinute, end: atMinute + MINUTE });
        const atSecond = atMinute + second * SECOND;
        expect(dateRange(`${date}:${pad(second)}${zone}`)).to.deep.equal({ start: atSecond, end: atSecond + SECOND });
        const at = atSecond + millisecond;
        const exact = `${date}:${pad(second)}.${pad(millisecond, 3)}`;
        expect(dateRange(`${exact}${zone}`)).to.deep.equal({ start: at, end: at + 1 });
        // What is finer than a millisecond is dropped.
        expect(dateRange(`${exact}987${zone}`)).to.deep.equal({ start: at, end: at + 1 });
      }),
      { numRuns: 2000 },
    );
  });

  for (const [text, day] of [
    ['2000-02-29', 11016],
    ['2020-02-29', 18321],
    ['1600-02-29', -135081],
    ['0001-01-01', -719162],
    ['9999-12-31', 2932896],
  ] as const) {
    it(`takes ${text} for day ${day}`, () => {
      expect(dateRange(text)).to.deep.equal({ start: day * DAY, end: (day + 1) * DAY });
    });
  }

  it('takes a time without an offset as UTC', () => {
    expect(dateRange('2020-01-01T10:00:00')).to.deep.equal(dateRange('2020-01-01T10:00:00Z'));
  });

  it('takes tenths and hundredths as what they cover', () => {
    const second = dateRange('2020-01-01T10:00:00Z')!.start;
    expect(dateRange('2020-01-01T10:00:00.2Z')).to.deep.equal({ start: second + 200, end: second + 300 });
    expect(dateRange('2020-01-01T10:00:00.25Z')).to.deep.equal({ start: second + 250, end: second + 260 });
  });

  it('takes a leap second as the second after', () => {
    expect(dateRange('2016-12-31T23:59:60Z')).to.deep.equal(dateRange('2017-01-01T00:00:00Z'));
  });

  for (const text of [
    '',
    ' ',
    '2',
    '20',
    '202',
    '20200',
    '2020-',
    '2020-1',
    '2020-00',
    '2020-13',
    '2020-1-01',
    '2020/01',
    '2020-01-',
    '2020-01-00',
    '2020x01',
    '2020-01x01',
    '2020-0x-01',
    '2020-06-31',
    '2020-09-31',
    '2020-11-31',
    '2020-01-01Tx0:00Z',
    '2020-01-01T10:x0Z',
    '2020-01-01T10x00Z',
    '2020-01-01T10:00:x0Z',
    '2020-01-01T10:00:00 01:00',
    '2020-01-01T10:00:00*01:00',
    '2020-01-01T10:00:00+x1:00',
    '2020-01-01T10:00:00+01:x0',
    '2020-01-01T10:00:00+01x00',
    '2020-01-01T10:00:00+01:0',
    '2020-01-01T10:00:00+01:000',
    '2020-01-32',
    '2020-04-31',
    '2021-02-29',
    '1900-02-29',
    '2020-01-01T',
    '2020-01-01 10:00:00Z',
    '2020-01-01t10:00:00Z',
    '2020-01-01T10Z',
    '2020-01-01T10:0Z',
    '2020-01-01T24:00:00Z',
    '2020-01-01T10:60:00Z',
    '2020-01-01T10:00:61Z',
    '2020-01-01T10:00:Z',
    '2020-01-01T10:00:00.Z',
    '2020-01-01T10:00:00,1Z',
    '2020-01-01T10:00:00z',
    '2020-01-01T10:00:00ZZ',
    '2020-01-01T10:00:00+1:00',
    '2020-01-01T10:00:00+0100',
    '2020-01-01T10:00:00+14:01',
    '2020-01-01T10:00:00-15:00',
    '2020-01-01T10:00:00+01:60',
    '2020-01-01T10:00:00+01:00Z',
    '2020Z',
    '2020-01Z',
    '2020-01-01Z',
    '0000',
    '-2020',
    '+2020',
    '20e3',
    '２０２０',
    '2020-01-01T10:00:00.1234567890123456789012Z',
  ]) {
    it(`takes ${JSON.stringify(text)} for no date`, () => {
      expect(dateRange(text)).to.equal(undefined);
    });
  }

  it('takes no text that is not of the grammar', () => {
    const grammar = /^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;
    const near = fc.stringMatching(/^[0-9TZ:.+-]{0,26}$/);
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (text) => {
        if (dateRange(text) !== undefined) expect(text).to.match(grammar);
      }),
      { numRuns: 5000 },
    );
  });
});
