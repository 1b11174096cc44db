import { redisKind } from '../support/brokers.js';
import { describeBroker } from './broker.contract.js';

describeBroker(redisKind);
