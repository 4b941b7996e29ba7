/** How this chat looks, from /chat/{channel}/config. */
export interface Setup {
  channel: string;
  account: string;
  organization: string;
  language: string;
  languages: string[];
  title: string;
  subtitle: string;
  color: string;
  logo_url?: string;
  attachments: { from_customer: boolean };
  texts: { privacy_notice?: string };
}

/** load fetches it, and tries again until the network is there; undefined when there is no such chat. */
export async function load(channel: string, lost: () => void): Promise<Setup | undefined> {
  for (let pause = 1000; ; pause = Math.min(pause * 2, 30_000)) {
    try {
      const answer = await fetch(`/chat/${encodeURIComponent(channel)}/config`, { credentials: 'omit' });
      if (answer.ok) return (await answer.json()) as Setup;
      if (answer.status === 404) return undefined;
    } catch {
      // the network is away
    }
    lost();
    await new Promise((later) => setTimeout(later, pause));
  }
}
