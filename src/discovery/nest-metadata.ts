/**
 * Nest's own metadata keys. They are not part of its public exports in the same place in Nest 11 and 12, so they stand
 * here; a test compares them with what Nest's decorators write.
 */
export const ENHANCER_METADATA = {
  guards: '__guards__',
  interceptors: '__interceptors__',
  pipes: '__pipes__',
  filters: '__exceptionFilters__',
} as const;

export type EnhancerKind = keyof typeof ENHANCER_METADATA;

export const ENHANCER_KINDS = Object.keys(ENHANCER_METADATA) as EnhancerKind[];

/** What the compiler says of the parameters of a constructor, and those that `@Inject` names. */
export const PARAMETER_TYPES = 'design:paramtypes';
export const INJECTED_PARAMETERS = 'self:paramtypes';
/** What `@Injectable()` and `@Controller()` leave on a class. */
export const CLASS_MARKS = ['__injectable__', '__controller__'] as const;

/** Part of a parameter's key where its decorator was made by `createParamDecorator`. */
export const CUSTOM_PARAMETER = '__customRouteArgs__';
