import { expect } from 'chai';
import { guardListener } from '../../src/token/event.js';

describe('token/event: guardListener', () => {
  it('hands events on, and lets no failure of the listener out', () => {
    const heard: unknown[] = [];
    const event = { type: 'internal', name: 'Error', stack: [] } as const;
    guardListener((each) => heard.push(each))(event);
    expect(heard).to.deep.equal([event]);
    const failing = guardListener(() => {
      throw new Error('broken log');
    });
    expect(() => {
      failing(event);
      guardListener(undefined)(event);
    }).not.to.throw();
  });
});
