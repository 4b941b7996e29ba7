/** mayAdminister tells whether a role sees the admin center at all; the server decides about each page of it. */
export const mayAdminister = (role: string): boolean => role === 'administrator' || role === 'supervisor';
