import { redisKind } from '../support/stores.js';
import { describeStore } from './store.contract.js';

describeStore(redisKind);
