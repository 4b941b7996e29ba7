/** A desk of its own for a test: the real program, a data directory, a configuration, people with passwords. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';

export const password = 'correct horse battery staple';

export interface Person {
  id: string;
  email: string;
  name: string;
  role: 'agent' | 'supervisor' | 'administrator';
}

export const ines: Person = { id: 'ines', email: 'ines@example.com', name: 'Inès Roux', role: 'agent' };
export const tomas: Person = { id: 'tomas', email: 'tomas@example.com', name: 'Tomás Pereira', role: 'agent' };
export const karim: Person = { id: 'karim', email: 'karim@example.com', name: 'Karim Haddad', role: 'supervisor' };
export const ada: Person = { id: 'ada', email: 'ada@example.com', name: 'Ada Blanc', role: 'administrator' };

const configuration = (people: Person[], more: string) => `
[organization]
name = "Atelier Nour"

[[account]]
id = "site"
plugin = "webchat"
name = "Website"

[[channel]]
id = "site"
account = "site"
workstream = "shop"
attachments = { from_customer = true, from_agent = true }
widget = { title = "Atelier Nour", subtitle = "We answer within minutes", languages = ["en", "fr"] }

[[workstream]]
id = "shop"
offer_timeout = "90s"
fallback_queue = "orders"

[[queue]]
id = "orders"
name = "Orders"
members = [${people.filter((p) => p.role === 'agent').map((p) => `"${p.id}"`).join(', ')}]

${people.map((p) => `[[agent]]\nid = "${p.id}"\nemail = "${p.email}"\nname = "${p.name}"\nrole = "${p.role}"\ncapacity = 10\n`).join('\n')}
${more}
`;

/** freePort asks the system for a port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

export class Desk {
  private process: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly folder: string,
    readonly url: string,
    private readonly args: string[],
  ) {}

  /** start makes a desk and waits until it is ready. `more` is added to its configuration. */
  static async start({ people = [ines, tomas, karim, ada], more = '' } = {}): Promise<Desk> {
    const folder = mkdtempSync(join(tmpdir(), 'guichet-desk-'));
    const port = await freePort();
    const file = join(folder, 'guichet.toml');
    writeFileSync(file, configuration(people, more));
    const args = ['--config', file, '--data', join(folder, 'data')];
    const desk = new Desk(folder, `http://127.0.0.1:${port}`, [...args, '--listen', `127.0.0.1:${port}`]);
    await desk.run();
    for (const person of people) {
      execFileSync(inject('binary'), ['user', 'passwd', person.email, '--password-stdin', ...args], { input: password + '\n' });
    }
    return desk;
  }

  /** fresh starts a desk without a configuration, as a newcomer would. */
  static async fresh(): Promise<Desk> {
    const folder = mkdtempSync(join(tmpdir(), 'guichet-desk-'));
    const port = await freePort();
    const desk = new Desk(folder, `http://127.0.0.1:${port}`, ['--data', join(folder, 'data'), '--listen', `127.0.0.1:${port}`]);
    await desk.run();
    return desk;
  }

  /** run starts the program again after stop or kill. */
  async run(): Promise<void> {
    const child = spawn(inject('binary'), ['serve', ...this.args], { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    child.stdout.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}:\n${this.output}`);
      const ready = await fetch(this.url + '/readyz').then((r) => r.ok, () => false);
      if (ready) return;
      await new Promise((later) => setTimeout(later, 25));
    }
  }

  /** said returns everything that the program has printed. */
  said(): string {
    return this.output;
  }

  /** kill ends the program as a power cut would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** remove stops the program and deletes its data. */
  async remove(): Promise<void> {
    await this.end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** key makes an API key of a person, for what a test wants to see or do without a browser. */
  key(person: Person): string {
    return execFileSync(inject('binary'), ['user', 'token', person.email, ...this.args.slice(0, 4)]).toString().trim();
  }

  /** ask calls the API as a person's script would. */
  async ask<T>(key: string, method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(this.url + '/api/v1' + path, {
      method,
      headers: { Authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  }
}
