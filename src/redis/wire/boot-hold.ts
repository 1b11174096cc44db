import type { Socket } from 'node:net';
import type { Cluster, Redis } from 'ioredis';

/**
 * Until the app has started, its connections keep no process alive. Where the factory, the constructor or the hook of another
 * provider throws, Nest calls nothing of ours that could close them; the process then ends by itself. Calls under way keep it
 * alive by their deadlines.
 */
export class BootHold {
  private readonly sockets = new Set<Socket>();
  private over = false;

  watch(client: Redis | Cluster): void {
    if (this.over) return;
    if (client.isCluster) client.on('+node', (node: Redis) => this.watch(node));
    else client.on('connect', () => this.take((client as Redis).stream));
  }

  /** The app has started: from now on its connections are its life, as those of any server. */
  end(): void {
    this.over = true;
    for (const socket of this.sockets) socket.ref();
    this.sockets.clear();
  }

  private take(socket: Socket): void {
    if (this.over) return;
    socket.unref();
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
  }
}
