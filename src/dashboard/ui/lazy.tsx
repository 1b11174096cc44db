import type { FunctionComponent } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiFailure } from './api.js';
import { FailureNote } from './parts/states.js';
import { text } from './text.js';

/** A component whose code is loaded when it is first shown. */
export function lazy<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  let loaded: FunctionComponent<P> | undefined;
  return function Lazy(props: P) {
    const [Found, setFound] = useState<FunctionComponent<P> | undefined>(() => loaded);
    const [failed, setFailed] = useState(false);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (component) => {
          loaded = component;
          setFound(() => component);
        },
        () => setFailed(true),
      );
    }, []);
    if (Found) return <Found {...props} />;
    if (!failed) return null;
    // A deploy replaced the files that this page knows of.
    const failure = new ApiFailure({ code: 'DASHBOARD_OUTDATED', message: text.outdated }, 0);
    return <FailureNote failure={failure} onRetry={() => location.reload()} />;
  };
}
