import { ApiError, type Attachment, signedOut, Unreachable } from '../api/client';

/**
 * upload sends a file and says how much of it has left, from 0 to 1. It goes by XMLHttpRequest: fetch does not tell.
 * An abort rejects with the signal's reason.
 */
export function upload(file: File, progress: (part: number) => void, abort: AbortSignal): Promise<Attachment> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open('POST', '/api/v1/uploads');
    request.responseType = 'text';
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress(event.total === 0 ? 1 : event.loaded / event.total);
    };
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status >= 200 && request.status < 300 && answer) {
        progress(1);
        done({ state: 'ready', ...answer } as Attachment);
        return;
      }
      if (request.status === 401) signedOut();
      failed(answer ? new ApiError(request.status, String(answer.code ?? 'unexpected'), String(answer.detail ?? answer.title ?? '')) : new Unreachable());
    };
    request.onerror = () => failed(new Unreachable());
    request.onabort = () => failed(abort.reason);
    if (abort.aborted) {
      failed(abort.reason);
      return;
    }
    abort.addEventListener('abort', () => request.abort(), { once: true });
    const form = new FormData();
    form.append('file', file, file.name);
    request.send(form);
  });
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
