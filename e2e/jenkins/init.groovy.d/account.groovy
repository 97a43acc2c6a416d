// What a new controller needs before the tests: an account, no anonymous
// access, crumbs, and a job. Core classes alone, so that it runs without plugins
// on every Jenkins since 2.60; run again, it changes nothing.

import hudson.model.FreeStyleProject
import hudson.model.User
import hudson.security.FullControlOnceLoggedInAuthorizationStrategy
import hudson.security.HudsonPrivateSecurityRealm
import hudson.security.csrf.DefaultCrumbIssuer
import jenkins.model.Jenkins

def controller = Jenkins.getInstanceOrNull()
def account = System.getenv('ACCOUNT')

def realm = new HudsonPrivateSecurityRealm(false, false, null)
if (User.getById(account, false) == null) {
    realm.createAccount(account, System.getenv('PASSWORD'))
}
controller.securityRealm = realm

def rights = new FullControlOnceLoggedInAuthorizationStrategy()
rights.allowAnonymousRead = false
controller.authorizationStrategy = rights

controller.crumbIssuer = new DefaultCrumbIssuer(false)

if (controller.getItem('deploy') == null) {
    controller.createProject(FreeStyleProject, 'deploy')
}
controller.save()
