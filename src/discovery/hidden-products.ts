import { decoratedClasses } from '../decorators/decorated-classes.js';
import type { ProviderWrapper } from './decorated-method.js';

/** A factory that runs for each job or injection makes this class, and nothing of the app says so before it has run. */
export interface HiddenProduct {
  wrapper: ProviderWrapper;
  className: string;
}

/**
 * What such a factory will make nobody can know without running it; its code names the class. Classes whose names it does not
 * hold are no business of this app: a process imports many that it does not provide.
 * @param providers none that is known by its token or its instance
 * @param known names of the classes that were found
 */
export function findHiddenProducts(providers: readonly ProviderWrapper[], known: ReadonlySet<string>): HiddenProduct[] {
  const factories = providers.filter(isScopedFactory);
  if (factories.length === 0) return [];
  const names = [...new Set(decoratedClasses().map(({ name }) => name))].filter((name) => name && !known.has(name));
  return factories.flatMap((wrapper) => {
    const code = Function.prototype.toString.call(wrapper.metatype);
    return names.filter((name) => makes(code, name)).map((className) => ({ wrapper, className }));
  });
}

function isScopedFactory(wrapper: ProviderWrapper): boolean {
  if (wrapper.isAlias || !wrapper.isNotMetatype || typeof wrapper.metatype !== 'function') return false;
  return wrapper.isTransient || !wrapper.isDependencyTreeStatic();
}

/** `new Mailer(`, `new mail_1.Mailer(` as TypeScript writes it for CommonJS, and `Mailer.create(`. */
function makes(code: string, name: string): boolean {
  const escaped = name.replaceAll('$', String.raw`\$`);
  return new RegExp(String.raw`\bnew\s+(?:[\w$]+\.)*${escaped}(?![\w$.])|(?<![\w$'"])${escaped}\.[\w$]+\(`).test(code);
}
