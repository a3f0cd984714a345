import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'

/** A CA. Certificates and keys are paths of PEM files. */
export interface Authority {
  ca: string
  /** Creates a certificate for names such as `DNS:db.example` or `IP:127.0.0.1`. */
  sign(name: string, options?: { names?: string[]; days?: [from: string, to: string] }): Promise<Pair>
}

/** A certificate and its key. */
export interface Pair {
  cert: string
  key: string
}

/** Creates a CA in a folder with the openssl command. */
export async function newAuthority(folder: string, name: string): Promise<Authority> {
  const path = (file: string) => join(folder, `${name}-${file}`)
  const [ca, caKey] = [path('ca.pem'), path('ca-key.pem')]
  const request = ['req', '-new', '-newkey', 'rsa:2048', '-nodes', '-sha256']
  await execa('openssl', [...request, '-x509', '-days', '30', '-subj', `/CN=${name}`, '-keyout', caKey, '-out', ca])
  return {
    ca,
    async sign(subject, { names = [], days } = {}) {
      const pair = { cert: path(`${subject}.pem`), key: path(`${subject}-key.pem`) }
      const [csr, extensions] = [path(`${subject}.csr`), path(`${subject}.ext`)]
      await execa('openssl', [...request, '-subj', `/CN=${subject}`, '-keyout', pair.key, '-out', csr])
      writeFileSync(
        extensions,
        `basicConstraints=CA:FALSE\n${names.length > 0 ? `subjectAltName=${names.join(',')}\n` : ''}`,
      )
      if (days === undefined) {
        const sign = [
          'x509',
          '-req',
          '-sha256',
          '-days',
          '30',
          '-in',
          csr,
          '-CA',
          ca,
          '-CAkey',
          caKey,
          '-CAcreateserial',
        ]
        await execa('openssl', [...sign, '-extfile', extensions, '-out', pair.cert])
        return pair
      }
      // Only `openssl ca` can sign for a past period.
      const config = path('ca.cnf')
      writeFileSync(path('index.txt'), '')
      writeFileSync(
        config,
        `[ca]\ndefault_ca=own\n[own]\ndatabase=${path('index.txt')}\nserial=${path('serial')}\nnew_certs_dir=${folder}\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n`,
      )
      const sign = ['ca', '-batch', '-notext', '-config', config, '-create_serial', '-cert', ca, '-keyfile', caKey]
      const time = ['-startdate', days[0], '-enddate', days[1]]
      await execa('openssl', [...sign, ...time, '-in', csr, '-extfile', extensions, '-out', pair.cert])
      return pair
    },
  }
}
