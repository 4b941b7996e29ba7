/** A LINE that runs on this machine: people write from it, and it takes or refuses what is sent to them. */
import { createHmac, createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Desk } from './desk';

const secret = '0123456789abcdef0123456789abcdef';
const bot = 'U' + 'b'.repeat(32);

/** What a text that is sent must hold for LINE to refuse it, as it does for a customer who has blocked the account. */
export const refusedText = 'This one does not arrive';

/** A picture of one grey dot. */
const dot = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mOsr6//DwAFhAKAjM1mJgAAAABJRU5ErkJggg==', 'base64');

type Said = { type: 'text'; text: string } | { type: 'image' } | { type: 'file'; fileName: string } | { type: 'sticker'; keywords: string[] } | { type: 'location'; title: string; address: string };

export class Line {
  private readonly names = new Map<string, string>();
  private readonly contents = new Map<string, 'picture' | 'gone' | 'fetching'>();
  private count = 0;

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Line> {
    let line: Line | undefined = undefined;
    const server = createServer((request, response) => void line!.answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    line = new Line(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return line;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** account is the part of a configuration that connects a desk to this LINE; its conversations go to a queue. */
  account(id: string, workstream: string): string {
    return `
[[account]]
id = "${id}"
plugin = "line"
name = "Shop on LINE"
consent = true
test = true
settings = { channel_id = "1234567890", channel_secret = "${secret}", channel_access_token = "token", api_url = "${this.url}", data_url = "${this.url}" }

[[channel]]
id = "${id}"
account = "${id}"
workstream = "${workstream}"
attachments = { from_customer = true, from_agent = true }
`;
  }

  private user(name: string): string {
    const id = 'U' + createHash('md5').update(name).digest('hex');
    this.names.set(id, name);
    return id;
  }

  /** write lets somebody write to an account, and returns once the desk has stored it. */
  async write(desk: Desk, account: string, name: string, said: Said, content: 'picture' | 'gone' | 'fetching' = 'picture'): Promise<string> {
    const id = String(++this.count + 500_000_000_000);
    this.contents.set(id, content);
    const message = { id, quoteToken: 'q' + id, ...said, ...(said.type === 'image' ? { contentProvider: { type: 'line' } } : {}), ...(said.type === 'file' ? { fileSize: 48_200 } : {}), ...(said.type === 'sticker' ? { packageId: '1', stickerId: '2', stickerResourceType: 'STATIC' } : {}), ...(said.type === 'location' ? { latitude: 45.76742, longitude: 4.83355 } : {}) };
    await this.post(desk, account, { type: 'message', replyToken: 'r' + id, source: { type: 'user', userId: this.user(name) }, message });
    return id;
  }

  /** unsend takes a message back. */
  async unsend(desk: Desk, account: string, name: string, messageId: string): Promise<void> {
    await this.post(desk, account, { type: 'unsend', source: { type: 'user', userId: this.user(name) }, unsend: { messageId } });
  }

  private async post(desk: Desk, account: string, event: object): Promise<void> {
    const id = String(++this.count).padStart(26, '0');
    const body = JSON.stringify({ destination: bot, events: [{ ...event, mode: 'active', timestamp: Date.now(), webhookEventId: id, deliveryContext: { isRedelivery: false } }] });
    const signature = createHmac('sha256', secret).update(body).digest('base64');
    const answer = await fetch(`${desk.url}/channels/${account}/callback`, { method: 'POST', body, headers: { 'Content-Type': 'application/json', 'X-Line-Signature': signature } });
    if (!answer.ok) throw new Error(`LINE's call was answered with ${answer.status}: ${await answer.text()}`);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const json = (status: number, body: unknown) => response.writeHead(status, { 'Content-Type': 'application/json', 'X-Line-Request-Id': '1' }).end(JSON.stringify(body));
    const path = request.url ?? '';
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const profile = /^\/v2\/bot\/profile\/(U\w+)/.exec(path)?.[1];
    const content = /^\/v2\/bot\/message\/(\d+)\/content/.exec(path)?.[1];
    if (profile) json(200, { userId: profile, displayName: this.names.get(profile) ?? 'Somebody', language: 'fr' });
    else if (content) {
      const kind = this.contents.get(content);
      if (kind === 'picture' && !path.endsWith('/transcoding')) response.writeHead(200, { 'Content-Type': 'image/png' }).end(dot);
      else if (kind === 'fetching') json(path.endsWith('/transcoding') ? 200 : 202, { status: 'processing' });
      else json(kind === 'picture' ? 200 : 404, { message: 'Not found', status: 'succeeded' });
    } else if (path === '/v2/bot/info') json(200, { userId: bot, basicId: '@atelier', displayName: 'Atelier Nour', chatMode: 'bot', markAsReadMode: 'manual' });
    else if (/message\/(push|reply)$/.test(path)) {
      if (body.includes(refusedText)) json(400, { message: "Failed to send messages" });
      else json(200, { sentMessages: [{ id: String(++this.count), quoteToken: 'q' }] });
    } else json(path.includes('/message/') || path.includes('/channel/') ? 404 : 200, {});
  }
}
