import { Dialog } from '../parts/dialog.js';
import { helpOpen, keysOn, setKeys } from '../shortcuts.js';
import { text } from '../text.js';

export function Help() {
  return (
    <Dialog title={text.shortcuts} onClose={() => (helpOpen.value = false)}>
      <table class="keys">
        <caption class="offscreen">{text.shortcuts}</caption>
        <tbody>
          {text.keys.map(([keys, what]) => (
            <tr key={keys}>
              <th scope="row">
                {keys.split(' ').map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <label class="check">
        <input type="checkbox" checked={keysOn.value} onChange={(event) => setKeys(event.currentTarget.checked)} />{' '}
        {text.keysOn}
      </label>
    </Dialog>
  );
}
