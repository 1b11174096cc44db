import { useEffect } from 'preact/hooks';
import { lazy } from './lazy.js';
import { liveState, startLive } from './live.js';
import { startBoard } from './queue-board.js';
import { page, place } from './router.js';
import { session, sessionFailure, startSession } from './session.js';
import { helpOpen, startShortcuts } from './shortcuts.js';
import { text } from './text.js';
import { switchTheme, theme } from './theme.js';
import { Questions } from './parts/dialog.js';
import { Link } from './parts/link.js';
import { FailureNote } from './parts/states.js';
import { Toasts } from './parts/toasts.js';
import { OverviewPage } from './pages/overview.js';
import { QueuePage } from './pages/queue.js';

const PAGES = {
  overview: OverviewPage,
  queue: QueuePage,
  job: lazy(() => import('./pages/job.js').then((found) => found.JobPage)),
  schedules: lazy(() => import('./pages/schedules.js').then((found) => found.SchedulesPage)),
  schedule: lazy(() => import('./pages/schedules.js').then((found) => found.SchedulePage)),
  bulks: lazy(() => import('./pages/bulks.js').then((found) => found.BulksPage)),
  processes: lazy(() => import('./pages/processes.js').then((found) => found.ProcessesPage)),
  doctor: lazy(() => import('./pages/doctor.js').then((found) => found.DoctorPage)),
};

const Help = lazy(() => import('./pages/help.js').then((found) => found.Help));

export function App() {
  useEffect(() => {
    startShortcuts();
    startBoard();
    startLive();
  }, []);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        {text.skip}
      </a>
      <Sidebar />
      <main id="main" tabIndex={-1}>
        <Shown />
      </main>
      <Toasts />
      <Questions />
      {helpOpen.value && <Help />}
    </>
  );
}

/** `href="#main"` would go by `<base>`. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Shown() {
  const name = page.value;
  const Page = PAGES[name as keyof typeof PAGES] ?? OverviewPage;
  const { queue, job, schedule } = place.value;
  const title = job ?? schedule ?? queue ?? text.nav[name as keyof typeof text.nav] ?? text.title;
  useEffect(() => {
    document.title = `${title} · ${session.value?.environment?.label ?? text.title}`;
  }, [title, session.value]);
  useEffect(() => arrive(), [name, queue, job, schedule]);
  const failure = sessionFailure.value;
  if (failure) return <FailureNote failure={failure} onRetry={startSession} />;
  if (session.value === undefined) return null;
  return <Page key={`${name} ${queue} ${job} ${schedule}`} />;
}

let arrived = false;

/** Says to who cannot see it that another page is shown; the first one is said by the browser. */
function arrive(): void {
  if (arrived && !document.querySelector('dialog[open]')) {
    const heading = document.querySelector<HTMLElement>('h1') ?? document.getElementById('main');
    heading?.focus({ preventScroll: true });
  }
  arrived = true;
}

function Sidebar() {
  const { environment, user, readOnly, version } = session.value ?? {};
  const name = page.value;
  const current = { job: 'overview', queue: 'overview', schedule: 'schedules' }[name] ?? name;
  return (
    <header class="sidebar">
      <div class="brand">
        <Link to={{}} label={text.home}>
          <svg viewBox="0 0 20 20" aria-hidden="true">
            <rect x="2" y="3" width="16" height="3.4" rx="1.7" />
            <rect x="2" y="8.3" width="11.5" height="3.4" rx="1.7" />
            <rect x="2" y="13.6" width="7" height="3.4" rx="1.7" />
          </svg>
          {text.title}
        </Link>
        {environment && (
          <span class="environment" style={environment.color ? { borderColor: environment.color } : undefined}>
            {environment.label}
          </span>
        )}
      </div>
      <nav aria-label={text.main}>
        {(['overview', 'schedules', 'bulks', 'processes', 'doctor'] as const).map((view) => (
          <Link key={view} to={{ view: view === 'overview' ? undefined : view }} current={view === current}>
            {text.nav[view]}
          </Link>
        ))}
      </nav>
      <div class="foot">
        <span class={`live ${liveState.value}`} title={text.liveTitle[liveState.value]}>
          <i aria-hidden="true" />
          {text.live[liveState.value]}
        </span>
        <span class="foot-buttons">
          <button
            type="button"
            class="small"
            onClick={() => switchTheme()}
            aria-label={text.switchTheme(text.themes[theme.value])}
          >
            {text.themes[theme.value]}
          </button>
          <button
            type="button"
            class="small"
            onClick={() => (helpOpen.value = true)}
            aria-label={text.help}
            aria-haspopup="dialog"
          >
            ?
          </button>
        </span>
        {(user || readOnly || version) && (
          <span class="muted who">{[user, readOnly && text.readOnly, version].filter(Boolean).join(' · ')}</span>
        )}
      </div>
    </header>
  );
}
