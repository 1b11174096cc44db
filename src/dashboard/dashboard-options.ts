import type { CanActivate, ExecutionContext, InjectionToken, ModuleMetadata, Type } from '@nestjs/common';
import { InvalidValueError } from '../core/errors/option-errors.js';
import { readBoolean, refuseUnknownKeys, requireObject } from '../core/option-checks.js';
import type { JobHandle } from '../queue/job-handle.js';
import type { DashboardAccess } from './access.js';

/** Where the dashboard is, and what stands before it. Controllers exist before providers, so none of this can be injected. */
export interface DashboardMount extends Pick<ModuleMetadata, 'imports'> {
  /** Below the global prefix of the app. Default `queues`. */
  path?: string;
  /** Guards of your app, which run before {@link DashboardOptions.authorize}: classes, or instances. */
  guards?: readonly (Type<CanActivate> | CanActivate)[];
  /** Put on the controller, such as `Public()`, by which a guard of the whole app tells it apart. */
  decorators?: readonly ClassDecorator[];
}

export interface DashboardOptions {
  /**
   * What the person behind a request may do; called for each, after the guards. Default: everything, for whom the guards let in.
   * An error that it throws refuses the request.
   */
  authorize?: (context: ExecutionContext) => DashboardAccess | Promise<DashboardAccess>;
  /** Nobody changes anything here, whatever `authorize` says. Default false. */
  readOnly?: boolean;
  /** Links of a job to other tools, such as its trace. Only http, https and relative addresses are shown. */
  links?: (job: JobHandle) => readonly DashboardLink[];
  /** Shown at the top of every page, so that nobody takes production for staging. `color`: of CSS, `#c00` or `crimson`. */
  environment?: { label: string; color?: string };
  /** Language of the pages, such as `de`. Default: that of the browser. */
  locale?: string;
}

export interface DashboardLink {
  text: string;
  href: string;
}

export interface DashboardModuleOptions extends DashboardMount, DashboardOptions {}

/** Options from other providers; where the dashboard is and what stands before it is said beside `useFactory`. */
export interface DashboardModuleAsyncOptions extends DashboardMount {
  inject?: (InjectionToken | { token: InjectionToken; optional: boolean })[];
  useFactory: (...dependencies: never[]) => DashboardOptions | Promise<DashboardOptions>;
}

export const MOUNT_KEYS = [
  'imports',
  'path',
  'guards',
  'decorators',
] as const satisfies readonly (keyof DashboardMount)[];

export const OPTION_KEYS = [
  'authorize',
  'readOnly',
  'links',
  'environment',
  'locale',
] as const satisfies readonly (keyof DashboardOptions)[];

/** What protects or restricts must not be there and undefined. */
const DEFINITE = ['path', 'guards', 'decorators', 'authorize', 'readOnly'];

const PATH = /^\/?[\w.~:-]+(\/[\w.~:-]+)*\/?$/;
const COLOR = /^(#[0-9a-f]{3,8}|[a-z]{3,30})$/i;
const LOCALE = /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i;
const LONGEST_LABEL = 40;

/** @throws InvalidValueError, UnknownOptionError */
export function readMount(given: DashboardMount, place: string): Required<DashboardMount> {
  const { imports = [], path = 'queues', guards = [], decorators = [] } = given;
  for (const key of DEFINITE) refuseMissing(given, key, place);
  if (typeof path !== 'string' || !(path === '/' || (PATH.test(path) && !/(^|\/)\.{1,2}(\/|$)/.test(path)))) {
    throw new InvalidValueError(`path in ${place}`, path, 'pass a path such as "queues" or "admin/queues"');
  }
  if (!Array.isArray(guards) || guards.some((guard) => guard === undefined || guard === null)) {
    throw new InvalidValueError(`guards in ${place}`, guards, 'pass an array of guards, such as [AdminGuard]');
  }
  if (!Array.isArray(decorators) || decorators.some((decorator) => typeof decorator !== 'function')) {
    throw new InvalidValueError(
      `decorators in ${place}`,
      decorators,
      'pass an array of decorators, such as [Public()]',
    );
  }
  return { imports, path, guards, decorators };
}

/** @throws InvalidValueError, UnknownOptionError */
export function readOptions(given: unknown, place: string): DashboardOptions {
  requireObject(given, `options of ${place}`, 'pass an object such as { readOnly: true }');
  const options = given as DashboardOptions;
  refuseUnknownKeys(options, OPTION_KEYS, place);
  for (const key of DEFINITE) refuseMissing(options, key, place);
  readBoolean(options.readOnly, `readOnly in ${place}`);
  requireFunction(
    options.authorize,
    `authorize in ${place}`,
    'pass a function (context) => "none" | "read" | "all" | …',
  );
  requireFunction(options.links, `links in ${place}`, 'pass a function (job) => [{ text, href }]');
  if (options.locale !== undefined && (typeof options.locale !== 'string' || !LOCALE.test(options.locale))) {
    throw new InvalidValueError(`locale in ${place}`, options.locale, 'pass a language such as "de" or "en-GB"');
  }
  if (options.environment !== undefined) requireEnvironment(options.environment, place);
  return options;
}

function requireEnvironment(given: unknown, place: string): void {
  const remedy = 'pass { label: "production", color: "crimson" }';
  requireObject(given, `environment in ${place}`, remedy);
  refuseUnknownKeys(given, ['label', 'color'], `environment in ${place}`);
  const { label, color } = given as { label?: unknown; color?: unknown };
  if (typeof label !== 'string' || label === '' || label.length > LONGEST_LABEL) {
    throw new InvalidValueError(`environment.label in ${place}`, label, remedy);
  }
  if (color !== undefined && (typeof color !== 'string' || !COLOR.test(color))) {
    throw new InvalidValueError(`environment.color in ${place}`, color, 'pass a color of CSS: "#c00" or "crimson"');
  }
}

function requireFunction(given: unknown, what: string, remedy: string): void {
  if (given !== undefined && typeof given !== 'function') throw new InvalidValueError(what, given, remedy);
}

/** `authorize: undefined` from a configuration would open what its writer meant to close. */
function refuseMissing(given: object, key: string, place: string): void {
  if (!Object.hasOwn(given, key) || (given as Record<string, unknown>)[key] !== undefined) return;
  throw new InvalidValueError(`${key} in ${place}`, undefined, 'give it a value, or leave the option out');
}
