import { memoryKind } from '../support/brokers.js';
import { describeBroker } from './broker.contract.js';

describeBroker(memoryKind);
