import { render } from 'preact';
import './styles/base.css';
import './styles/parts.css';
import './styles/pages.css';
import { App } from './app.js';
import { readBoard } from './queue-board.js';
import { startSession } from './session.js';
import { applyTheme } from './theme.js';

applyTheme();
// The answers travel while the browser paints.
void startSession();
void readBoard();
const root = document.getElementById('app')!;
void painted().then(() => {
  // What the page says while this code is loaded.
  root.replaceChildren();
  render(<App />, root);
});

/** The page as index.html has it is shown first: a first rendering takes a slow machine longer than a look does. */
function painted(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 100); // a hidden tab paints nothing
  });
}
