/** snippet is what a shop pastes into its pages to have the chat on them. */
export function snippet(origin: string, channel: string, organization: string): string {
  return `<script id="guichet-chat" src="${origin}/widget.js"
  data-app-id="${channel}" data-org-id="${organization}"
  data-org-url="${origin}" async></` + 'script>';
}
